// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Consortium} from "../../src/Consortium.sol";
import {Cheats} from "./Vm.sol";

/// @notice Calls the consortium as anybody with anything, and knows beforehand, from books of its own, whether that is allowed.
contract ConsortiumHandler is Cheats {
    uint256 private constant ACCOUNTS = 60;
    uint256 private constant NAMES = 26;

    struct Motion {
        bytes32 partner;
        address account; // zero: to expel
        uint256 expiresAt;
        bool done;
    }

    Consortium public immutable consortium;
    /// @notice The books: who is a partner, with which account; who ever was; who proposed what, and who agreed.
    bytes32[] public members;
    mapping(bytes32 partner => address) public accountOf;
    mapping(bytes32 partner => bool) public nameUsed;
    mapping(address account => bool) public accountUsed;
    Motion[] public motions;
    mapping(uint256 id => mapping(bytes32 partner => address)) public votes;

    constructor() {
        string[] memory names = new string[](3);
        address[] memory accounts = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            (names[i], accounts[i]) = (nameAt(i), accountAt(i));
            enter(names[i], accounts[i]);
        }
        consortium = new Consortium(names, accounts);
        motions.push(); // proposals are numbered from 1
    }

    function proposeAdmission(uint256 caller, uint256 name, uint256 account) external {
        (address sender, string memory chosen, address newcomer) = (callerAt(caller), nameAt(name), accountAt(account));
        bytes32 partner = keccak256(bytes(chosen));
        bool allowed = memberOf(sender) != 0 && !nameUsed[partner] && !accountUsed[newcomer];
        vm.prank(sender);
        (bool done,) = call(abi.encodeCall(Consortium.proposeAdmission, (chosen, newcomer)));
        assert(done == allowed);
        if (done) noteMotion(sender, partner, newcomer);
    }

    function proposeExpulsion(uint256 caller, uint256 name) external {
        (address sender, bytes32 partner) = (callerAt(caller), partnerAt(name));
        bool allowed = memberOf(sender) != 0 && accountOf[partner] != address(0) && members.length > 1;
        vm.prank(sender);
        (bool done,) = call(abi.encodeCall(Consortium.proposeExpulsion, (partner)));
        assert(done == allowed);
        if (done) noteMotion(sender, partner, address(0));
    }

    function approve(uint256 caller, uint256 id) external {
        approveAs(callerAt(caller), recent(id));
    }

    function execute(uint256 caller, uint256 id) external {
        executeAs(callerAt(caller), recent(id));
    }

    /// @notice Some of the partners vote together: by single votes alone majorities would be rare.
    function rally(uint256 voters, uint256 id) external {
        uint256 chosen = recent(id);
        for (uint256 i = 0; i < members.length; ++i) {
            if ((voters >> i) & 1 == 1) approveAs(accountOf[members[i]], chosen);
        }
        executeAs(accountOf[members[0]], chosen);
    }

    function rotateAccount(uint256 caller, uint256 name, uint256 account) external {
        (address sender, address successor) = (callerAt(caller), accountAt(account));
        bytes32 partner = name % 2 == 0 ? memberOf(sender) : partnerAt(name);
        bool allowed = accountOf[partner] == sender && !accountUsed[successor];
        vm.prank(sender);
        (bool done,) = call(abi.encodeCall(Consortium.rotateAccount, (partner, successor)));
        assert(done == allowed);
        if (!done) return;
        accountOf[partner] = successor;
        accountUsed[successor] = true;
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + (time % 8 == 0 ? 14 days + time % 3 : time % 12 hours));
    }

    function memberCount() external view returns (uint256) {
        return members.length;
    }

    /// @notice How many of the current partners agree to a motion with the account that they have now.
    function agreeing(uint256 id) public view returns (uint256 count) {
        for (uint256 i = 0; i < members.length; ++i) {
            if (votes[id][members[i]] == accountOf[members[i]]) ++count;
        }
    }

    function memberOf(address account) public view returns (bytes32) {
        for (uint256 i = 0; i < members.length; ++i) {
            if (accountOf[members[i]] == account) return members[i];
        }
        return 0;
    }

    function approveAs(address sender, uint256 id) private {
        bytes32 partner = memberOf(sender);
        bool allowed = partner != 0 && isOpen(id) && votes[id][partner] != sender;
        vm.prank(sender);
        (bool done,) = call(abi.encodeCall(Consortium.approve, (id)));
        assert(done == allowed);
        if (done) votes[id][partner] = sender;
    }

    function executeAs(address sender, uint256 id) private {
        Motion memory motion;
        if (id < motions.length) motion = motions[id];
        bool allowed = memberOf(sender) != 0 && isOpen(id) && agreeing(id) > members.length / 2;
        if (motion.account == address(0)) {
            allowed = allowed && accountOf[motion.partner] != address(0) && members.length > 1;
        } else {
            allowed = allowed && !nameUsed[motion.partner] && !accountUsed[motion.account];
        }
        vm.prank(sender);
        (bool done,) = call(abi.encodeCall(Consortium.execute, (id)));
        assert(done == allowed);
        if (!done) return;
        motions[id].done = true;
        if (motion.account == address(0)) leave(motion.partner);
        else enter(consortium.nameOf(motion.partner), motion.account);
    }

    function nameAt(uint256 seed) private pure returns (string memory) {
        return string(abi.encodePacked("partner-", bytes1(uint8(bytes1("a")) + uint8(seed % NAMES))));
    }

    function accountAt(uint256 seed) private pure returns (address) {
        return address(uint160(0xA0000 + seed % ACCOUNTS));
    }

    /// @dev Mostly a partner's account, so that motions get on; else anybody's.
    function callerAt(uint256 seed) private view returns (address) {
        return seed % 4 == 0 ? accountAt(seed / 4) : accountOf[members[(seed / 4) % members.length]];
    }

    /// @dev Mostly a current partner; else anybody.
    function partnerAt(uint256 seed) private view returns (bytes32) {
        return seed % 4 == 0 ? keccak256(bytes(nameAt(seed / 4))) : members[(seed / 4) % members.length];
    }

    /// @dev One of the last motions, or the one that comes next and is not there yet.
    function recent(uint256 seed) private view returns (uint256) {
        uint256 next = motions.length;
        return next - (seed % 16 == 0 ? 0 : 1 + seed % (next < 3 ? next : 3));
    }

    function isOpen(uint256 id) private view returns (bool) {
        return id != 0 && id < motions.length && !motions[id].done && block.timestamp <= motions[id].expiresAt;
    }

    function noteMotion(address sender, bytes32 partner, address account) private {
        votes[motions.length][memberOf(sender)] = sender;
        motions.push(Motion(partner, account, block.timestamp + 14 days, false));
    }

    function enter(string memory name, address account) private {
        bytes32 partner = keccak256(bytes(name));
        members.push(partner);
        accountOf[partner] = account;
        (nameUsed[partner], accountUsed[account]) = (true, true);
    }

    function leave(bytes32 partner) private {
        delete accountOf[partner];
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i] != partner) continue;
            members[i] = members[members.length - 1];
            members.pop();
            return;
        }
    }

    function call(bytes memory message) private returns (bool, bytes memory) {
        return address(consortium).call(message);
    }
}
