// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AppendProof} from "../../src/AppendProof.sol";
import {Cheats} from "./Vm.sol";
import {NaiveLog} from "./NaiveLog.sol";

/// @notice The library's one function, where a test can call it and see it revert.
contract AppendProofCaller {
    function verify(uint64 oldSize, bytes32 oldRoot, uint64 newSize, bytes32 newRoot, bytes32[] calldata proof)
        external
        view
        returns (bytes32[] memory)
    {
        return AppendProof.verify(oldSize, oldRoot, newSize, newRoot, proof);
    }
}

/// @notice Fuzzed append proofs over a log of 200 leaves.
contract AppendProofTest is Cheats {
    uint256 private constant LEAVES = 200;

    AppendProofCaller private caller;
    bytes32[] private stored;

    struct Growth {
        uint64 oldSize;
        bytes32 oldRoot;
        uint64 newSize;
        bytes32 newRoot;
        bytes32[] proof;
    }

    function setUp() public {
        caller = new AppendProofCaller();
        for (uint256 i = 0; i < LEAVES; ++i) {
            stored.push(sha256(abi.encode("leaf", i)));
        }
    }

    function testFuzz_extensionsAreAccepted(uint256 a, uint256 b) public view {
        Growth memory growth = someGrowth(a, b);
        bytes32[] memory peaks = verified(growth);
        bytes32[] memory expected = NaiveLog.nodes(stored, 0, growth.newSize);
        assert(keccak256(abi.encode(peaks)) == keccak256(abi.encode(expected)));
    }

    function testFuzz_alteredNodesAreRefused(uint256 a, uint256 b, uint256 at, uint256 change) public view {
        vm.assume(change != 0);
        Growth memory growth = someGrowth(a, b);
        at %= growth.proof.length;
        growth.proof[at] ^= bytes32(change);
        assertRefused(growth);
    }

    function testFuzz_swappedNodesAreRefused(uint256 a, uint256 b, uint256 at, uint256 other) public view {
        Growth memory growth = someGrowth(a, b);
        at %= growth.proof.length;
        other %= growth.proof.length;
        vm.assume(at != other);
        (growth.proof[at], growth.proof[other]) = (growth.proof[other], growth.proof[at]);
        assertRefused(growth);
    }

    function testFuzz_shorterProofsAreRefused(uint256 a, uint256 b, uint256 length) public view {
        Growth memory growth = someGrowth(a, b);
        bytes32[] memory proof = growth.proof;
        length %= proof.length;
        assembly {
            mstore(proof, length)
        }
        assertRefused(growth);
    }

    function testFuzz_longerProofsAreRefused(uint256 a, uint256 b, bytes32 extra) public view {
        Growth memory growth = someGrowth(a, b);
        growth.proof = NaiveLog.push(growth.proof, extra);
        assertRefused(growth);
    }

    function testFuzz_inventedProofsAreRefused(uint256 a, uint256 b, bytes32[] memory proof) public view {
        Growth memory growth = someGrowth(a, b);
        vm.assume(keccak256(abi.encode(proof)) != keccak256(abi.encode(growth.proof)));
        growth.proof = proof;
        assertRefused(growth);
    }

    function testFuzz_otherRootsAreRefused(uint256 a, uint256 b, bytes32 root, bool old) public view {
        Growth memory growth = someGrowth(a, b);
        vm.assume(root != growth.newRoot && root != growth.oldRoot && growth.oldSize != 0);
        if (old) growth.oldRoot = root;
        else growth.newRoot = root;
        assertRefused(growth);
    }

    function someGrowth(uint256 a, uint256 b) private view returns (Growth memory growth) {
        growth.newSize = uint64(1 + b % LEAVES);
        growth.oldSize = uint64(a % growth.newSize);
        growth.oldRoot = growth.oldSize == 0 ? bytes32(0) : NaiveLog.root(stored, 0, growth.oldSize);
        growth.newRoot = NaiveLog.root(stored, 0, growth.newSize);
        growth.proof = NaiveLog.appendProof(stored, growth.oldSize, growth.newSize);
    }

    function verified(Growth memory g) private view returns (bytes32[] memory) {
        return caller.verify(g.oldSize, g.oldRoot, g.newSize, g.newRoot, g.proof);
    }

    function assertRefused(Growth memory g) private view {
        try caller.verify(g.oldSize, g.oldRoot, g.newSize, g.newRoot, g.proof) {
            assert(false);
        } catch (bytes memory reason) {
            bytes4 name = bytes4(reason);
            assert(
                name == AppendProof.AppendProofTooShort.selector || name == AppendProof.AppendProofTooLong.selector
                    || name == AppendProof.OldRootMismatch.selector || name == AppendProof.NewRootMismatch.selector
            );
        }
    }
}
