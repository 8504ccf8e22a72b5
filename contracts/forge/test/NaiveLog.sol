// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice RFC 9162 trees by the standard's own recursion: slow, obvious, and nothing shared with the contracts.
library NaiveLog {
    /// @dev RFC 9162 section 2.1.1 over leaf hashes [begin, end), of which there is one at least.
    function root(bytes32[] memory leaves, uint256 begin, uint256 end) internal pure returns (bytes32) {
        if (end - begin == 1) return leaves[begin];
        uint256 split = 1;
        while (split * 2 < end - begin) split *= 2;
        bytes32 left = root(leaves, begin, begin + split);
        return sha256(abi.encodePacked(bytes1(0x01), left, root(leaves, begin + split, end)));
    }

    /// @dev The append proof from `oldSize` to `newSize`: the old peaks, then the nodes between, each found by trial.
    function appendProof(bytes32[] memory leaves, uint256 oldSize, uint256 newSize)
        internal
        pure
        returns (bytes32[] memory proof)
    {
        return concat(nodes(leaves, 0, oldSize), nodes(leaves, oldSize, newSize));
    }

    /// @dev The largest aligned perfect subtrees that cover [begin, end), from the left.
    function nodes(bytes32[] memory leaves, uint256 begin, uint256 end)
        internal
        pure
        returns (bytes32[] memory covering)
    {
        while (begin < end) {
            uint256 span = 1;
            while (begin % (2 * span) == 0 && begin + 2 * span <= end) span *= 2;
            covering = push(covering, root(leaves, begin, begin + span));
            begin += span;
        }
    }

    function push(bytes32[] memory list, bytes32 item) internal pure returns (bytes32[] memory) {
        bytes32[] memory one = new bytes32[](1);
        one[0] = item;
        return concat(list, one);
    }

    function concat(bytes32[] memory a, bytes32[] memory b) internal pure returns (bytes32[] memory both) {
        both = new bytes32[](a.length + b.length);
        for (uint256 i = 0; i < both.length; ++i) {
            both[i] = i < a.length ? a[i] : b[i - a.length];
        }
    }
}
