#!/bin/sh
# Makes the network at its first start: the validators' keys, the genesis block that names them, who may connect and who may send.
#
# Runs inside Besu's image, before any node (compose.yaml). Keys are made here and go nowhere: each node's volume gets its own. Once
# all is there, /network/public/ready is written, and later starts change nothing. A start that was broken off begins again: no node
# has run before.
set -eu
umask 077

config=${PERDURE_CONFIG:-/config}
network=${PERDURE_NETWORK:-/network}
besu_user=${PERDURE_BESU_USER:-1000:1000}
# as in compose.yaml: validator 1 has the address that ends in 1, and so on; the RPC node's ends in 9
subnet=10.47.0.1
port=30303
nodes="validator-1 validator-2 validator-3 validator-4 rpc"

fail() {
    echo "first-start: $1" >&2
    exit 2
}

# The node's public key and place, as other nodes call it.
enode() {
    public_key=$(cat "$network/$1/key.pub")
    case $1 in
        rpc) host=${subnet}9 ;;
        *) host=$subnet${1#validator-} ;;
    esac
    echo "enode://${public_key#0x}@$host:$port"
}

# The enodes of all nodes but one, as the items of a list.
enodes_without() {
    separator=""
    for other in $nodes; do
        if [ "$other" != "$1" ]; then
            printf '%s"%s"' "$separator" "$(enode "$other")"
            separator=","
        fi
    done
}

# The addresses of accounts.txt, as the items of a list.
accounts() {
    separator=""
    while read -r address _ || [ -n "$address" ]; do
        case $address in
            "" | "#"*) continue ;;
            0x*) ;;
            *) fail "accounts.txt: $address does not start with 0x" ;;
        esac
        case ${address#0x} in
            *[!0-9a-fA-F]*) fail "accounts.txt: $address is no address" ;;
        esac
        [ ${#address} -eq 42 ] || fail "accounts.txt: $address has not 40 digits"
        printf '%s"%s"' "$separator" "$address"
        separator=","
    done < "$config/accounts.txt"
}

if [ -e "$network/public/ready" ]; then
    echo "first-start: the network is there already, nothing to do"
    exit 0
fi

allowed=$(accounts) || exit 2
[ -n "$allowed" ] || fail "accounts.txt lists nobody: name the accounts that may send transactions"

# not on a volume: what is left of a start that was broken off is gone with its container
made=$network/new
rm -rf "$made"
besu operator generate-blockchain-config \
    --config-file="$config/network.json" --to="$made" --private-key-file-name=key --public-key-file-name=key.pub

number=0
for keys in "$made"/keys/0x*; do
    number=$((number + 1))
    mkdir -p "$network/validator-$number"
    cp "$keys/key" "$keys/key.pub" "$network/validator-$number/"
done
[ "$number" -eq 4 ] || fail "besu made keys of $number validators, want 4"

# a key that does not exist is made by the command that shows its public half
mkdir -p "$network/rpc"
besu --data-path="$network/rpc" public-key export --to="$network/rpc/key.pub"

for node in $nodes; do
    printf '[%s]\n' "$(enodes_without "$node")" > "$network/$node/static-nodes.json"
    {
        printf 'nodes-allowlist=[%s]\n' "$(enodes_without nobody)"
        printf 'accounts-allowlist=[%s]\n' "$allowed"
    } > "$network/$node/permissions_config.toml"
    chown -R "$besu_user" "$network/$node"
done

cp "$made/genesis.json" "$network/public/genesis.json"
rm -rf "$made"
chmod 755 "$network/public"
chmod 644 "$network/public/genesis.json"
: > "$network/public/ready"
echo "first-start: made the keys of four validators and of the RPC node"
