// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {AppendProof} from "./AppendProof.sol";
import {Names} from "./Names.sol";

/// @notice The one question that the registry asks.
interface IConsortium {
    /// @notice The account of a current partner (keccak256 of its name); zero for whoever is none.
    function accountOf(bytes32 partner) external view returns (address);
}

/// @title The newest checkpoint of each site's log
/// @notice Takes a site's signed checkpoint from anybody, after checking on-chain that the new log extends the anchored one: a
/// site that rewrites its history is refused by the chain itself. Nobody owns this contract, and nothing can be taken out of it.
/// @dev A site is the keccak256 of its origin, such as `acme/rotterdam`. Times are block timestamps in seconds. The domain
/// separator is computed at call time: an immutable would make the code differ from the published artifact's.
contract AnchorRegistry {
    /// @notice What a site's key signs: the log's size and root, and when the site says that it sealed it.
    struct Checkpoint {
        bytes32 site;
        uint64 size;
        bytes32 root;
        uint64 sealedAt;
    }

    /// @notice The newest anchored size and root of a site.
    struct Head {
        uint64 size;
        bytes32 root;
    }

    /// @notice Who signed a checkpoint, and the block that anchored it first.
    /// @dev One storage slot: 48 bits hold seconds, and blocks, for millions of years.
    struct Anchor {
        address signer;
        uint48 blockNumber;
        uint48 blockTime;
    }

    /// @notice A site's partner, keys and standing.
    /// @dev `previousKey` signs while the time is below `previousKeyUntil`; `key` zero is revoked; zero elsewhere is "none".
    struct Site {
        bytes32 partner;
        address key;
        address previousKey;
        uint64 previousKeyUntil;
        uint64 keyNonce;
        uint64 compromisedSince;
        bytes32 successor;
    }

    /// @notice The longest time that a replaced key may go on signing.
    uint64 public constant MAX_GRACE_PERIOD = 366 days;

    uint256 private constant SIZE_LIMIT = 2 ** 48;
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant CHECKPOINT_TYPEHASH =
        keccak256("Checkpoint(bytes32 site,uint64 size,bytes32 root,uint64 sealedAt)");
    bytes32 private constant KEY_ROTATION_TYPEHASH =
        keccak256("KeyRotation(bytes32 site,address newKey,uint64 gracePeriod,uint64 nonce)");

    /// @notice Who the partners are: set once.
    IConsortium public consortium;
    /// @notice The newest anchored checkpoint of a site; size 0 before the first.
    mapping(bytes32 site => Head) public headOf;
    /// @notice Who signed a checkpoint, by its EIP-712 digest, and when it was first anchored; all zero if it was not.
    mapping(bytes32 digest => Anchor) public anchorOf;
    /// @notice A site's partner and keys.
    mapping(bytes32 site => Site) public siteOf;

    /// @notice A checkpoint became the site's head.
    event Anchored(
        bytes32 indexed site,
        uint64 indexed size,
        bytes32 indexed root,
        uint64 previousSize,
        uint64 sealedAt,
        address signer,
        bytes32 digest
    );
    /// @notice The peaks of the log that was just anchored, largest first: with them anybody can continue it.
    event Frontier(bytes32 indexed site, uint64 indexed size, bytes32[] peaks);
    /// @notice A checkpoint that was anchored before, in the block given, was submitted again.
    event AnchoredBefore(
        bytes32 indexed site,
        uint64 indexed size,
        bytes32 indexed root,
        uint64 firstBlock,
        uint64 firstTime,
        uint64 sealedAt,
        address signer,
        bytes32 digest
    );
    /// @notice A site may anchor from now on; `origin` is its name, of which `site` is the hash.
    event SiteRegistered(bytes32 indexed site, bytes32 indexed partner, string origin, address key);
    /// @notice `oldKey` (zero: it was revoked) may sign while the time is below `oldKeyUntil`.
    event KeyRotated(bytes32 indexed site, address oldKey, address newKey, uint64 oldKeyUntil);
    /// @notice No key signs for the site until its partner sets one; `key` was the last.
    event KeyRevoked(bytes32 indexed site, address key);
    /// @notice The partner says that from `since` on the site's key may have been in other hands.
    event MarkedCompromised(bytes32 indexed site, uint64 since);
    /// @notice The log of `oldSite` ends with this head and goes on as `newSite`.
    event Succeeded(bytes32 indexed oldSite, bytes32 indexed newSite, uint64 size, bytes32 root);

    /// @notice There is no code at the address given as the consortium.
    error NotAContract(address consortium);
    /// @notice The site's anchored log has `headSize` leaves already: an old checkpoint, or a rival log.
    error SizeNotAboveHead(bytes32 site, uint64 size, uint64 headSize);
    /// @notice A log has less than 2^48 leaves.
    error SizeTooLarge(bytes32 site, uint64 size);
    /// @notice No such site was registered.
    error UnknownSite(bytes32 site);
    /// @notice The log is closed and goes on as `successor`.
    error SiteClosed(bytes32 site, bytes32 successor);
    /// @notice The site is frozen: its partner was expelled.
    error PartnerNotInConsortium(bytes32 site, bytes32 partner);
    /// @notice The site's key was revoked, and its partner has set no new one.
    error NoKey(bytes32 site);
    /// @notice Not a 65-byte secp256k1 signature with low s and v 27 or 28.
    error MalformedSignature(bytes32 site);
    /// @notice The signature is `signer`'s, who may not sign this for the site (now).
    error WrongSigner(bytes32 site, address signer);
    /// @notice Only the account of the partner, while it is one, decides this.
    error NotPartnersAccount(bytes32 partner, address caller);
    /// @notice An origin is registered once.
    error SiteExists(bytes32 site);
    /// @notice Zero is nobody's key: to leave a site without one, revoke it.
    error ZeroKey(bytes32 site);
    /// @notice `key` is the site's key already.
    error SameKey(bytes32 site, address key);
    /// @notice A replaced key may sign for `longest` seconds at most.
    error GracePeriodTooLong(bytes32 site, uint64 gracePeriod, uint64 longest);
    /// @notice A mark is above zero, not after `blockTime`, and earlier than `marked`, unless that is zero (not marked).
    error BadCompromiseTime(bytes32 site, uint64 since, uint64 marked, uint64 blockTime);
    /// @notice Only another open site of the same partner can continue a log.
    error BadSuccessor(bytes32 oldSite, bytes32 newSite);

    /// @param consortium_ The contract that knows the partners; it can never be changed.
    constructor(address consortium_) {
        if (consortium_.code.length == 0) revert NotAContract(consortium_);
        consortium = IConsortium(consortium_);
    }

    /// @notice Anchors a checkpoint, whoever submits it. One that is known already changes nothing and is answered with the
    /// block of its first anchoring, for inactive sites too.
    /// @param appendProof Shows that the log extends the site's head: see AppendProof.
    /// @param signature `r || s || v` by the site's key over the checkpoint's digest.
    function anchor(Checkpoint calldata checkpoint, bytes32[] calldata appendProof, bytes calldata signature) external {
        bytes32 digest = checkpointDigest(checkpoint);
        if (anchorOf[digest].signer != address(0)) {
            _answerKnown(checkpoint, digest);
            return;
        }
        bytes32 site = checkpoint.site;
        Head memory head = headOf[site];
        if (checkpoint.size <= head.size) revert SizeNotAboveHead(site, checkpoint.size, head.size);
        if (checkpoint.size >= SIZE_LIMIT) revert SizeTooLarge(site, checkpoint.size);
        address signer = _checkedSigner(site, digest, signature);
        bytes32[] memory peaks =
            AppendProof.verify(head.size, head.root, checkpoint.size, checkpoint.root, appendProof);

        headOf[site] = Head(checkpoint.size, checkpoint.root);
        anchorOf[digest] = Anchor(signer, uint48(block.number), uint48(block.timestamp));
        emit Anchored(site, checkpoint.size, checkpoint.root, head.size, checkpoint.sealedAt, signer, digest);
        emit Frontier(site, checkpoint.size, peaks);
    }

    /// @notice Registers the site `partner/localName`, by the partner's account. An origin is registered once.
    function registerSite(string calldata partner, string calldata localName, address key)
        external
        returns (bytes32 site)
    {
        Names.check(partner);
        Names.check(localName);
        bytes32 partnerId = keccak256(bytes(partner));
        _checkPartnersAccount(partnerId);
        string memory origin = string.concat(partner, "/", localName);
        site = keccak256(bytes(origin));
        if (siteOf[site].partner != 0) revert SiteExists(site);
        if (key == address(0)) revert ZeroKey(site);
        siteOf[site].partner = partnerId;
        siteOf[site].key = key;
        emit SiteRegistered(site, partnerId, origin, key);
    }

    /// @notice Replaces the site's key. The old one may go on signing checkpoints for `gracePeriod` seconds, for those that
    /// are still on their way; the one before it ends now.
    /// @param signature The current key's KeyRotation message; empty if the caller is the partner's account.
    function rotateKey(bytes32 site, address newKey, uint64 gracePeriod, bytes calldata signature) external {
        Site storage record = _activeSite(site);
        address oldKey = record.key;
        if (signature.length == 0) {
            _checkPartnersAccount(record.partner);
        } else {
            if (oldKey == address(0)) revert NoKey(site);
            bytes32 digest = keyRotationDigest(site, newKey, gracePeriod, record.keyNonce);
            address signer = _signerOf(site, digest, signature);
            if (signer != oldKey) revert WrongSigner(site, signer);
        }
        if (newKey == address(0)) revert ZeroKey(site);
        if (newKey == oldKey) revert SameKey(site, newKey);
        if (gracePeriod > MAX_GRACE_PERIOD) revert GracePeriodTooLong(site, gracePeriod, MAX_GRACE_PERIOD);
        uint64 oldKeyUntil = uint64(block.timestamp) + gracePeriod;
        _setKeys(record, newKey, oldKey, oldKeyUntil);
        emit KeyRotated(site, oldKey, newKey, oldKeyUntil);
    }

    /// @notice Ends the site's key at once, and the previous one's grace period with it, by the partner's account.
    function revokeKey(bytes32 site) external {
        Site storage record = _ownSite(site);
        address key = record.key;
        if (key == address(0)) revert NoKey(site);
        _setKeys(record, address(0), address(0), 0);
        emit KeyRevoked(site, key);
    }

    /// @notice States, by the partner's account, from when on the site's key may have been in other hands. The statement stays
    /// with the log and only ever moves to an earlier time; it stops nobody from signing: revokeKey does.
    function markCompromised(bytes32 site, uint64 since) external {
        Site storage record = _ownSite(site);
        uint64 marked = record.compromisedSince;
        if (since == 0 || since > block.timestamp || (marked != 0 && since >= marked)) {
            revert BadCompromiseTime(site, since, marked, uint64(block.timestamp));
        }
        record.compromisedSince = since;
        emit MarkedCompromised(site, since);
    }

    /// @notice Closes the log of `oldSite` for ever and names the site that continues it, by the account of the partner that
    /// both belong to.
    function succeed(bytes32 oldSite, bytes32 newSite) external {
        Site storage record = _ownSite(oldSite);
        if (record.successor != 0) revert SiteClosed(oldSite, record.successor);
        Site storage successor = siteOf[newSite];
        if (newSite == oldSite || successor.partner != record.partner || successor.successor != 0) {
            revert BadSuccessor(oldSite, newSite);
        }
        record.successor = newSite;
        Head memory head = headOf[oldSite];
        emit Succeeded(oldSite, newSite, head.size, head.root);
    }

    /// @notice EIP-712 domain separator of {name "Perdure", version "1", this chain, this contract}.
    function domainSeparator() public view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("Perdure"), keccak256("1"), block.chainid, address(this))
        );
    }

    /// @notice What a site's key signs for a checkpoint.
    function checkpointDigest(Checkpoint calldata checkpoint) public view returns (bytes32) {
        return ECDSA.toTypedDataHash(domainSeparator(), keccak256(abi.encode(CHECKPOINT_TYPEHASH, checkpoint)));
    }

    /// @notice What a site's key signs to hand over to `newKey`; `nonce` is the site's keyNonce, so that it works once.
    function keyRotationDigest(bytes32 site, address newKey, uint64 gracePeriod, uint64 nonce)
        public
        view
        returns (bytes32)
    {
        return ECDSA.toTypedDataHash(
            domainSeparator(), keccak256(abi.encode(KEY_ROTATION_TYPEHASH, site, newKey, gracePeriod, nonce))
        );
    }

    function _answerKnown(Checkpoint calldata checkpoint, bytes32 digest) private {
        Anchor memory first = anchorOf[digest];
        emit AnchoredBefore(
            checkpoint.site,
            checkpoint.size,
            checkpoint.root,
            first.blockNumber,
            first.blockTime,
            checkpoint.sealedAt,
            first.signer,
            digest
        );
    }

    function _setKeys(Site storage record, address key, address previousKey, uint64 previousKeyUntil) private {
        record.key = key;
        record.previousKey = previousKey;
        record.previousKeyUntil = previousKeyUntil;
        ++record.keyNonce; // a signed rotation that was not used in time dies here
    }

    /// @dev The signer of `digest`, if it is the site's key, or the one before within its grace period, and the site is active.
    function _checkedSigner(bytes32 site, bytes32 digest, bytes calldata signature)
        private
        view
        returns (address signer)
    {
        Site storage record = _activeSite(site);
        if (record.key == address(0)) revert NoKey(site);
        signer = _signerOf(site, digest, signature);
        bool inGrace = signer == record.previousKey && block.timestamp < record.previousKeyUntil;
        if (signer != record.key && !inGrace) revert WrongSigner(site, signer);
    }

    function _activeSite(bytes32 site) private view returns (Site storage record) {
        record = siteOf[site];
        if (record.partner == 0) revert UnknownSite(site);
        if (record.successor != 0) revert SiteClosed(site, record.successor);
        if (consortium.accountOf(record.partner) == address(0)) revert PartnerNotInConsortium(site, record.partner);
    }

    function _ownSite(bytes32 site) private view returns (Site storage record) {
        record = siteOf[site];
        if (record.partner == 0) revert UnknownSite(site);
        _checkPartnersAccount(record.partner);
    }

    function _checkPartnersAccount(bytes32 partner) private view {
        if (consortium.accountOf(partner) != msg.sender) revert NotPartnersAccount(partner, msg.sender);
    }

    function _signerOf(bytes32 site, bytes32 digest, bytes calldata signature) private pure returns (address signer) {
        ECDSA.RecoverError problem;
        (signer, problem) = ECDSA.tryRecover(digest, signature);
        if (problem != ECDSA.RecoverError.NoError) revert MalformedSignature(site);
    }
}
