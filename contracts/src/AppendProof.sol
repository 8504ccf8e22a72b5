// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Append proofs over an RFC 9162 tree
/// @notice Shows that the log of `newSize` leaves starts with the log of `oldSize` leaves that had the root `oldRoot`. A proof
/// is one array: the peaks of [0, oldSize), largest first, then the compact range of [oldSize, newSize) from left to right
/// (each node the largest perfect subtree that starts there, is aligned, and ends by `newSize`).
/// @dev A root does not bind its tree's size, so a false size may pass with the true hashes: what `oldRoot` and the new root
/// commit to stays the same, and records under a false size can only become unprovable, since an inclusion proof has the one
/// length that (index, size) gives it. Sizes are below 2^48: the caller checks.
library AppendProof {
    /// @notice The proof of `length` nodes ended before the new size was reached.
    error AppendProofTooShort(uint256 length);
    /// @notice The proof has `length` nodes, of which only `used` belong to it.
    error AppendProofTooLong(uint256 length, uint256 used);
    /// @notice The proof's old peaks give the root `computed`: this is no extension of the anchored log.
    error OldRootMismatch(uint64 oldSize, bytes32 anchored, bytes32 computed);
    /// @notice The proof leads to the root `computed`, not to the claimed one.
    error NewRootMismatch(uint64 newSize, bytes32 claimed, bytes32 computed);
    /// @notice The chain's SHA-256 precompile gave no answer.
    error Sha256Unavailable();

    /// @notice The peaks of the new tree, largest first, which fold to `newRoot`; reverts where the proof does not hold.
    function verify(uint64 oldSize, bytes32 oldRoot, uint64 newSize, bytes32 newRoot, bytes32[] calldata proof)
        internal
        view
        returns (bytes32[] memory peaks)
    {
        peaks = new bytes32[](64);
        uint256 count; // peaks on the stack, one for each bit that is set in the number of leaves behind them
        uint256 used; // nodes of the proof that were read
        for (uint256 rest = oldSize; rest != 0; rest &= rest - 1) {
            if (used == proof.length) revert AppendProofTooShort(proof.length);
            peaks[count++] = proof[used++];
        }
        bytes32 computed = fold(peaks, count);
        if (oldSize != 0 && computed != oldRoot) revert OldRootMismatch(oldSize, oldRoot, computed);

        for (uint256 start = oldSize; start < newSize;) {
            if (used == proof.length) revert AppendProofTooShort(proof.length);
            bytes32 node = proof[used++];
            uint256 leaves = subtreeAt(start, newSize);
            for (uint256 level = leaves; start & level != 0; level <<= 1) {
                node = hashChildren(peaks[--count], node);
            }
            peaks[count++] = node;
            start += leaves;
        }
        if (used != proof.length) revert AppendProofTooLong(proof.length, used);
        computed = fold(peaks, count);
        if (computed != newRoot) revert NewRootMismatch(newSize, newRoot, computed);
        assembly ("memory-safe") {
            mstore(peaks, count) // cuts the array to the peaks in use
        }
    }

    /// @dev How many leaves the largest perfect subtree has that starts at `start`, is aligned, and ends by `end`.
    function subtreeAt(uint256 start, uint256 end) private pure returns (uint256 leaves) {
        leaves = start == 0 ? 1 << 47 : start & (~start + 1); // the lowest bit that is set
        unchecked {
            while (start + leaves > end) leaves >>= 1;
        }
    }

    /// @dev RFC 9162 section 2.1.1: the root over peaks, the smallest (rightmost) innermost; zero for no peaks at all.
    function fold(bytes32[] memory peaks, uint256 count) private view returns (bytes32 root) {
        if (count == 0) return 0;
        root = peaks[count - 1];
        for (uint256 i = count - 1; i > 0; --i) {
            root = hashChildren(peaks[i - 1], root);
        }
    }

    /// @dev SHA-256(0x01 || left || right), in assembly because Solidity's own call costs twice the gas.
    function hashChildren(bytes32 left, bytes32 right) private view returns (bytes32 node) {
        bool answered;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore8(input, 1)
            mstore(add(input, 0x01), left)
            mstore(add(input, 0x21), right)
            answered := staticcall(gas(), 2, input, 0x41, 0x00, 0x20)
            // an account without code succeeds with an empty answer: so ask for the length too
            answered := and(answered, eq(returndatasize(), 0x20))
            node := mload(0x00)
        }
        if (!answered) revert Sha256Unavailable();
    }
}
