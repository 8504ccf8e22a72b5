// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AnchorRegistry} from "../../src/AnchorRegistry.sol";
import {NaiveLog} from "./NaiveLog.sol";
import {RegistryHandler} from "./RegistryHandler.sol";

/// @notice After any sequence of calls: each site's head extends all that it ever was, and the rest is what its partner and
/// its key made of it.
contract RegistryInvariants {
    uint256 private constant SITES = 6;

    RegistryHandler private handler;
    AnchorRegistry private registry;

    function setUp() public {
        handler = new RegistryHandler();
        registry = handler.registry();
    }

    /// @dev Where forge looks for the contracts to call at random.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev One invariant and not three: forge plays all sequences anew for each.
    function invariant_headsOnlyGrowAndNoStrangerChangedAnything() public view {
        for (uint256 i = 0; i < SITES; ++i) {
            bytes32 site = handler.siteAt(i);
            RegistryHandler.Book memory book = handler.bookAt(i);
            checkThatTheHeadExtendsAllBefore(site, book);
            checkThatTheSiteIsAsItsPartnerAndKeyMadeIt(site, book);
        }
        checkThatAnchorsStay();
    }

    function checkThatTheHeadExtendsAllBefore(bytes32 site, RegistryHandler.Book memory book) private view {
        (uint64 size, bytes32 root) = registry.headOf(site);
        if (book.sizes.length == 0) {
            assert(size == 0 && root == 0);
            return;
        }
        uint256 last = book.sizes.length - 1;
        assert(size == book.sizes[last] && root == book.roots[last]);
        bytes32[] memory leaves = handler.logOf(site, book.rival);
        for (uint256 i = 0; i <= last; ++i) {
            assert(i == 0 || book.sizes[i] > book.sizes[i - 1]);
            assert(book.roots[i] == NaiveLog.root(leaves, 0, book.sizes[i]));
        }
    }

    function checkThatTheSiteIsAsItsPartnerAndKeyMadeIt(bytes32 site, RegistryHandler.Book memory book) private view {
        (
            bytes32 partner,
            address key,
            address previousKey,
            uint64 previousKeyUntil,
            uint64 keyNonce,
            uint64 compromisedSince,
            bytes32 successor
        ) = registry.siteOf(site);
        assert(partner == book.partner && key == book.key && previousKey == book.previousKey);
        assert(previousKeyUntil == book.previousKeyUntil && keyNonce == book.nonce);
        assert(compromisedSince == book.since && successor == book.successor);
    }

    function checkThatAnchorsStay() private view {
        uint256 count = handler.digestCount();
        for (uint256 i = count < 5 ? 0 : count - 5; i < count; ++i) {
            bytes32 digest = handler.digests(i);
            (address signer, uint48 blockNumber, uint48 blockTime) = registry.anchorOf(digest);
            assert(signer == handler.signerOf(digest) && blockNumber <= block.number && blockTime <= block.timestamp);
        }
    }
}
