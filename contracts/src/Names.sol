// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Names of partners and sites
/// @notice One half of an origin such as `acme/rotterdam`: `[a-z0-9][a-z0-9-]{0,31}`. With the slash outside the alphabet no
/// two pairs of names give one origin, and with ASCII alone no two names look alike.
library Names {
    /// @notice `name` is not of the form `[a-z0-9][a-z0-9-]{0,31}`.
    error BadName(string name);

    /// @notice Reverts unless `name` is well formed.
    function check(string memory name) internal pure {
        bytes memory letters = bytes(name);
        if (letters.length == 0 || letters.length > 32) revert BadName(name);
        for (uint256 i = 0; i < letters.length; ++i) {
            bytes1 c = letters[i];
            bool alphanumeric = (c >= "a" && c <= "z") || (c >= "0" && c <= "9");
            if (!alphanumeric && (c != "-" || i == 0)) revert BadName(name);
        }
    }
}
