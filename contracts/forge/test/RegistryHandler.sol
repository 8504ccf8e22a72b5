// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AnchorRegistry} from "../../src/AnchorRegistry.sol";
import {Consortium} from "../../src/Consortium.sol";
import {Cheats} from "./Vm.sol";
import {NaiveLog} from "./NaiveLog.sol";

/// @notice Calls the registry as anybody with anything, and knows beforehand, from books of its own, whether that is allowed.
/// @dev Each site has two logs, the second a rival that parts from the first after some leaves.
contract RegistryHandler is Cheats {
    uint256 private constant KEYS = 5;
    uint256 private constant LARGEST = 24;
    uint256 private constant PARTNERS = 3;
    uint256 private constant SITES = 6;

    /// @dev The books of one site; registered where partner is not zero.
    struct Book {
        bytes32 partner;
        address key;
        address previousKey;
        uint256 previousKeyUntil;
        uint256 nonce;
        uint256 since;
        bytes32 successor;
        uint256 rival; // the log that was anchored last: 0 or 1
        uint256[] sizes;
        bytes32[] roots;
    }

    struct Call {
        address sender;
        bytes32 site;
        uint256 rival;
        uint256 signingKey;
        bool spoilt;
        bytes32 digest;
        bytes32[] proof;
        AnchorRegistry.Checkpoint checkpoint;
    }

    AnchorRegistry public immutable registry;
    Consortium public immutable consortium;
    mapping(bytes32 partner => address) public accountOf;
    mapping(bytes32 digest => address) public signerOf;
    bytes32[] public digests;
    mapping(bytes32 site => Book) private books;
    uint256 private expelled;
    uint256 private lastAccount = 0xB0000;

    constructor() {
        string[] memory names = new string[](PARTNERS);
        address[] memory accounts = new address[](PARTNERS);
        for (uint256 i = 0; i < PARTNERS; ++i) {
            (names[i], accounts[i]) = (partnerName(i), address(uint160(++lastAccount)));
            accountOf[partnerAt(i)] = accounts[i];
        }
        consortium = new Consortium(names, accounts);
        registry = new AnchorRegistry(address(consortium));
    }

    /// @notice Registers a site; mostly as its partner, so that there are some.
    function register(uint256 caller, uint256 site, uint256 key) external {
        address sender = callerAt(caller, partnerAt(site));
        Book storage book = books[siteAt(site)];
        bool allowed = sender == accountOf[partnerAt(site)] && book.partner == 0;
        vm.prank(sender);
        bool done =
            call(abi.encodeCall(AnchorRegistry.registerSite, (partnerName(site), siteName(site), keyAt(key))));
        assert(done == allowed);
        if (done) (book.partner, book.key) = (partnerAt(site), keyAt(key));
    }

    /// @notice Submits a checkpoint of one of the site's logs, mostly a sound one by the site's own key.
    function anchor(uint256 sender, uint256 site, uint256 size, uint256 rival, uint256 key) public {
        Call memory c;
        c.sender = callerAt(sender, 0);
        c.site = siteAt(site);
        c.rival = rival % 8 == 0 ? 1 - books[c.site].rival : books[c.site].rival;
        c.signingKey = key % 4 == 0 ? key / 4 : privateKeyOf(books[c.site].key);
        c.spoilt = size % 16 == 0;
        (uint64 headSize,) = registry.headOf(c.site);
        uint256 claimed = size % 4 == 0 ? size % (LARGEST + 1) : headSize + size / 4 % 4;
        c.checkpoint = checkpointOf(c.site, c.rival, claimed);
        if (rival % 8 == 1) c.checkpoint.sealedAt = 1; // the same log, sealed again, is another checkpoint
        bytes32[] memory leaves = logOf(c.site, c.rival);
        if (claimed <= LARGEST) c.proof = NaiveLog.appendProof(leaves, headSize, claimed);
        if (c.spoilt && c.proof.length > 0) c.proof[size % c.proof.length] ^= bytes32(uint256(1));
        submit(c);
    }

    /// @notice Several checkpoints for one site in a row: what this is about must not be rare among the rest.
    function anchorOften(uint256 seed) external {
        for (uint256 i = 0; i < 6; ++i) {
            anchor(draw(seed, i, 0), seed, draw(seed, i, 1), draw(seed, i, 2), draw(seed, i, 3));
        }
    }

    /// @notice Submits a checkpoint that was accepted before.
    function anchorAgain(uint256 sender, uint256 site, uint256 which) external {
        Book storage book = books[siteAt(site)];
        if (book.sizes.length == 0) return;
        which %= book.sizes.length;
        Call memory c;
        c.sender = callerAt(sender, 0);
        c.site = siteAt(site);
        c.checkpoint = AnchorRegistry.Checkpoint(c.site, uint64(book.sizes[which]), book.roots[which], 0);
        submit(c);
    }

    function rotateByPartner(uint256 caller, uint256 site, uint256 key, uint64 grace) external {
        Book storage book = books[siteAt(site)];
        address sender = callerAt(caller, partnerAt(site));
        bool allowed = isActive(book) && sender == accountOf[book.partner];
        rotate(sender, siteAt(site), keyAt(key), grace, "", allowed);
    }

    function rotateByKey(uint256 caller, uint256 site, uint256 key, uint64 grace, uint256 signer, uint256 nonce) external {
        Book storage book = books[siteAt(site)];
        uint256 signingKey = signer % 4 == 0 ? signer / 4 : privateKeyOf(book.key);
        uint256 signedNonce = nonce % 8 == 0 && book.nonce > 0 ? book.nonce - 1 : book.nonce;
        bool allowed = isActive(book) && book.key != address(0) && book.key == keyAt(signingKey);
        bytes32 digest = registry.keyRotationDigest(siteAt(site), keyAt(key), grace % 7 days, uint64(signedNonce));
        bytes memory signed = signature(1 + signingKey % KEYS, digest);
        rotate(callerAt(caller, 0), siteAt(site), keyAt(key), grace, signed, allowed && signedNonce == book.nonce);
    }

    function revokeKey(uint256 caller, uint256 site) external {
        Book storage book = books[siteAt(site)];
        address sender = callerAt(caller, partnerAt(site));
        bool allowed = isOwn(book, sender) && book.key != address(0);
        vm.prank(sender);
        bool done = call(abi.encodeCall(AnchorRegistry.revokeKey, (siteAt(site))));
        assert(done == allowed);
        if (done) setKeys(book, address(0), address(0), 0);
    }

    function markCompromised(uint256 caller, uint256 site, uint256 since) external {
        Book storage book = books[siteAt(site)];
        address sender = callerAt(caller, partnerAt(site));
        since %= block.timestamp + 2;
        bool moves = since != 0 && since <= block.timestamp && (book.since == 0 || since < book.since);
        vm.prank(sender);
        bool done = call(abi.encodeCall(AnchorRegistry.markCompromised, (siteAt(site), uint64(since))));
        assert(done == (isOwn(book, sender) && moves));
        if (done) book.since = since;
    }

    /// @notice Closes a log, seldom: most sequences shall go on.
    function succeed(uint256 caller, uint256 site, uint256 successor) external {
        if (successor % 4 != 0) return;
        bytes32 oldSite = siteAt(site);
        bytes32 newSite = siteAt(successor % 16 == 0 ? successor / 16 : site % SITES + PARTNERS);
        (Book storage book, Book storage next) = (books[oldSite], books[newSite]);
        address sender = callerAt(caller, partnerAt(site));
        bool allowed = isOwn(book, sender) && book.successor == 0 && newSite != oldSite
            && next.partner == book.partner && next.successor == 0;
        vm.prank(sender);
        bool done = call(abi.encodeCall(AnchorRegistry.succeed, (oldSite, newSite)));
        assert(done == allowed);
        if (done) book.successor = newSite;
    }

    /// @notice The others expel a partner, seldom, and one at most: two have to remain for a majority of two.
    function expel(uint256 partner) external {
        if (partner % 32 != 0 || expelled > 0) return;
        bytes32 leaver = partnerAt(partner / 32);
        (address a, address b) = (accountOf[partnerAt(partner / 32 + 1)], accountOf[partnerAt(partner / 32 + 2)]);
        vm.prank(a);
        uint256 id = consortium.proposeExpulsion(leaver);
        vm.prank(b);
        consortium.approve(id);
        vm.prank(a);
        consortium.execute(id);
        delete accountOf[leaver];
        ++expelled;
    }

    function rotateAccount(uint256 partner) external {
        bytes32 mover = partnerAt(partner);
        if (accountOf[mover] == address(0)) return;
        vm.prank(accountOf[mover]);
        consortium.rotateAccount(mover, address(uint160(++lastAccount)));
        accountOf[mover] = address(uint160(lastAccount));
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + time % 3 days);
    }

    function bookAt(uint256 site) external view returns (Book memory) {
        return books[siteAt(site)];
    }

    function digestCount() external view returns (uint256) {
        return digests.length;
    }

    function siteAt(uint256 seed) public pure returns (bytes32) {
        return keccak256(abi.encodePacked(partnerName(seed), "/", siteName(seed)));
    }

    /// @notice The leaf hashes of a site's log, or of the rival that shares the first leaves with it.
    function logOf(bytes32 site, uint256 rival) public pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](LARGEST);
        for (uint256 i = 0; i < LARGEST; ++i) {
            leaves[i] = sha256(abi.encode(site, i < 2 + uint256(site) % 8 ? 0 : rival, i));
        }
    }

    function submit(Call memory c) private {
        c.digest = registry.checkpointDigest(c.checkpoint);
        bool known = signerOf[c.digest] != address(0);
        bool allowed = known || isExtension(c);
        bytes memory signed = signature(1 + c.signingKey % KEYS, c.digest);
        vm.prank(c.sender);
        bool done = call(abi.encodeCall(AnchorRegistry.anchor, (c.checkpoint, c.proof, signed)));
        assert(done == allowed);
        if (!done || known) return;
        Book storage book = books[c.site];
        book.rival = c.rival;
        book.sizes.push(c.checkpoint.size);
        book.roots.push(c.checkpoint.root);
        signerOf[c.digest] = keyAt(c.signingKey);
        digests.push(c.digest);
    }

    /// @dev By the books alone: an active site, a key that may sign, and a log that starts with the one anchored last.
    function isExtension(Call memory c) private view returns (bool) {
        Book storage book = books[c.site];
        if (!isActive(book) || book.key == address(0) || c.spoilt) return false;
        address signer = keyAt(c.signingKey);
        bool inGrace = signer == book.previousKey && block.timestamp < book.previousKeyUntil;
        if (signer != book.key && !inGrace) return false;
        uint256 size = c.checkpoint.size;
        if (size == 0 || size > LARGEST) return false;
        if (book.sizes.length == 0) return true;
        uint256 last = book.sizes.length - 1;
        return size > book.sizes[last]
            && NaiveLog.root(logOf(c.site, c.rival), 0, book.sizes[last]) == book.roots[last];
    }

    function rotate(
        address sender,
        bytes32 site,
        address key,
        uint64 grace,
        bytes memory signed,
        bool allowed
    ) private {
        Book storage book = books[site];
        grace %= 7 days;
        allowed = allowed && key != book.key;
        vm.prank(sender);
        bool done = call(abi.encodeCall(AnchorRegistry.rotateKey, (site, key, grace, signed)));
        assert(done == allowed);
        if (done) setKeys(book, key, book.key, block.timestamp + grace);
    }

    function setKeys(Book storage book, address key, address previousKey, uint256 until) private {
        (book.key, book.previousKey, book.previousKeyUntil) = (key, previousKey, until);
        ++book.nonce;
    }

    function isActive(Book storage book) private view returns (bool) {
        return book.partner != 0 && book.successor == 0 && accountOf[book.partner] != address(0);
    }

    function isOwn(Book storage book, address sender) private view returns (bool) {
        return book.partner != 0 && accountOf[book.partner] == sender;
    }

    function checkpointOf(bytes32 site, uint256 rival, uint256 size)
        private
        pure
        returns (AnchorRegistry.Checkpoint memory)
    {
        bool exists = size > 0 && size <= LARGEST;
        bytes32 root = exists ? NaiveLog.root(logOf(site, rival), 0, size) : keccak256("no such log");
        return AnchorRegistry.Checkpoint(site, uint64(size), root, 0);
    }

    /// @dev Mostly the partner's account, where one is given; else one of the partners' or a stranger's.
    function callerAt(uint256 seed, bytes32 partner) private view returns (address) {
        if (partner != 0 && seed % 4 != 0 && accountOf[partner] != address(0)) return accountOf[partner];
        address somebody = accountOf[partnerAt(seed / 4)];
        return seed % 8 < 4 || somebody == address(0) ? address(uint160(0xC0000 + seed % 4)) : somebody;
    }

    function partnerName(uint256 seed) private pure returns (string memory) {
        return string(abi.encodePacked("partner-", bytes1(uint8(bytes1("a")) + uint8(seed % PARTNERS))));
    }

    function siteName(uint256 seed) private pure returns (string memory) {
        return seed % SITES < PARTNERS ? "north" : "south";
    }

    function partnerAt(uint256 seed) private pure returns (bytes32) {
        return keccak256(bytes(partnerName(seed)));
    }

    function keyAt(uint256 seed) private pure returns (address) {
        return vm.addr(1 + seed % KEYS);
    }

    function privateKeyOf(address key) private pure returns (uint256 seed) {
        while (seed < KEYS && keyAt(seed) != key) ++seed;
    }

    function draw(uint256 seed, uint256 round, uint256 what) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, round, what)));
    }

    function call(bytes memory message) private returns (bool done) {
        (done,) = address(registry).call(message);
    }
}
