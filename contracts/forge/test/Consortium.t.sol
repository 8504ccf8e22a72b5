// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Consortium} from "../../src/Consortium.sol";
import {ConsortiumHandler} from "./ConsortiumHandler.sol";

/// @notice After any sequence of calls: the partners are those that majorities made, each with one account of its own.
contract ConsortiumInvariants {
    ConsortiumHandler private handler;
    Consortium private consortium;

    function setUp() public {
        handler = new ConsortiumHandler();
        consortium = handler.consortium();
    }

    /// @dev Where forge looks for the contracts to call at random.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev One invariant and not four: forge plays all sequences anew for each.
    function invariant_nobodyHoldsAMajorityThatHeWasNotGiven() public view {
        bytes32[] memory partners = consortium.partners();
        checkThatPartnersAreThoseThatMajoritiesMade(partners);
        checkThatNobodyHasTwoVotes(partners);
        checkThatVotesAreThoseThatWereGiven();
    }

    function checkThatPartnersAreThoseThatMajoritiesMade(bytes32[] memory partners) private view {
        assert(partners.length > 0);
        assert(partners.length == handler.memberCount() && partners.length == consortium.partnerCount());
        for (uint256 i = 0; i < partners.length; ++i) {
            address account = consortium.accountOf(partners[i]);
            assert(account != address(0) && account == handler.accountOf(partners[i]));
        }
    }

    function checkThatNobodyHasTwoVotes(bytes32[] memory partners) private view {
        for (uint256 i = 0; i < partners.length; ++i) {
            assert(consortium.partnerOf(consortium.accountOf(partners[i])) == partners[i]);
            for (uint256 k = 0; k < i; ++k) {
                assert(partners[i] != partners[k]);
                assert(consortium.accountOf(partners[i]) != consortium.accountOf(partners[k]));
            }
        }
    }

    function checkThatVotesAreThoseThatWereGiven() private view {
        uint256 last = consortium.proposalCount();
        for (uint256 id = last < 4 ? 1 : last - 3; id <= last; ++id) {
            assert(consortium.votesFor(id) == handler.agreeing(id));
        }
    }
}
