// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Names} from "./Names.sol";

/// @title The members of a consortium
/// @notice Partners are admitted and expelled by more than half of the current partners; nobody owns this contract. A partner
/// is known by the keccak256 of its name and acts through one account.
/// @dev Two things are for ever: a name, so that nobody inherits the sites of an expelled namesake, and the tie of an account
/// to its partner, so that no account ever stands for two.
contract Consortium {
    /// @notice A decision that waits for votes; `account` zero proposes to expel, anything else to admit.
    struct Proposal {
        bytes32 partner;
        address account;
        uint64 expiresAt;
        bool executed;
        string name;
    }

    /// @notice How long a proposal can be voted on and executed.
    uint64 public constant PROPOSAL_LIFETIME = 14 days;

    /// @notice The account of each current partner; zero for whoever is none.
    mapping(bytes32 partner => address account) public accountOf;
    /// @notice The name of each partner, expelled ones included.
    mapping(bytes32 partner => string name) public nameOf;
    /// @notice The partner that an account acts for, or acted for before it was replaced.
    mapping(address account => bytes32 partner) public partnerOf;
    /// @notice How many proposals there have been; they are numbered from 1.
    uint256 public proposalCount;
    /// @notice Each proposal by its number.
    mapping(uint256 id => Proposal) public proposals;
    /// @notice The account with which a partner approved a proposal. The vote counts while that is the partner's account: so
    /// replacing a stolen account takes back what the thief approved.
    mapping(uint256 id => mapping(bytes32 partner => address account)) public approvals;

    bytes32[] private _partners;

    /// @notice `partner`, the hash of `name`, is a partner from now on.
    event PartnerAdmitted(bytes32 indexed partner, string name, address account);
    /// @notice `partner` is none any more, and never will be again.
    event PartnerExpelled(bytes32 indexed partner);
    /// @notice `partner` replaced its account.
    event AccountRotated(bytes32 indexed partner, address oldAccount, address newAccount);
    /// @notice The proposal `id` is open until `expiresAt`; `account` zero proposes to expel.
    event Proposed(uint256 indexed id, bytes32 indexed partner, string name, address account, uint64 expiresAt);
    /// @notice `partner` gave its vote to the proposal `id`.
    event Approved(uint256 indexed id, bytes32 indexed partner);
    /// @notice The proposal `id` was carried out.
    event Executed(uint256 indexed id);

    /// @notice A consortium is founded by one partner at least.
    error NoPartners();
    /// @notice The founding names and accounts are not as many.
    error FounderCountMismatch(uint256 names, uint256 accounts);
    /// @notice The caller is not the account of a current partner.
    error NotAPartner(address caller);
    /// @notice No current partner has this id.
    error UnknownPartner(bytes32 partner);
    /// @notice A partner has, or had, this name: a name is given once.
    error NameTaken(string name);
    /// @notice The account stands, or stood, for this partner: it never stands for another.
    error AccountTaken(address account, bytes32 partner);
    /// @notice Zero is nobody's account.
    error ZeroAccount();
    /// @notice Without partners nobody could ever admit one.
    error LastPartner(bytes32 partner);
    /// @notice Only a partner's own account names its successor.
    error NotPartnersAccount(bytes32 partner, address caller);
    /// @notice Proposals are numbered from 1.
    error UnknownProposal(uint256 id);
    /// @notice The proposal could be carried out until `expiresAt`: propose it again.
    error ProposalExpired(uint256 id, uint64 expiresAt);
    /// @notice A proposal is carried out once.
    error AlreadyExecuted(uint256 id);
    /// @notice The partner's vote counts already.
    error AlreadyApproved(uint256 id, bytes32 partner);
    /// @notice More than half of `partners` have to approve; `votes` current partners did.
    error NoMajority(uint256 id, uint256 votes, uint256 partners);

    /// @param names The founding partners' names.
    /// @param accounts Their accounts, in the same order.
    constructor(string[] memory names, address[] memory accounts) {
        if (names.length == 0) revert NoPartners();
        if (names.length != accounts.length) revert FounderCountMismatch(names.length, accounts.length);
        for (uint256 i = 0; i < names.length; ++i) {
            _checkNewcomer(names[i], accounts[i]);
            _admit(names[i], accounts[i]);
        }
    }

    /// @notice How many partners there are.
    function partnerCount() external view returns (uint256) {
        return _partners.length;
    }

    /// @notice The current partners, in no particular order.
    function partners() external view returns (bytes32[] memory) {
        return _partners;
    }

    /// @notice Proposes to admit `name`, and approves it.
    function proposeAdmission(string calldata name, address account) external returns (uint256 id) {
        _checkNewcomer(name, account);
        return _propose(keccak256(bytes(name)), name, account);
    }

    /// @notice Proposes to expel `partner`, and approves it. Its sites freeze with it.
    function proposeExpulsion(bytes32 partner) external returns (uint256 id) {
        _checkLeaver(partner);
        return _propose(partner, nameOf[partner], address(0));
    }

    /// @notice Gives the calling partner's vote to a proposal; again, where its account was replaced since.
    function approve(uint256 id) external {
        bytes32 partner = _callingPartner();
        _openProposal(id);
        _approve(id, partner);
    }

    /// @notice Carries out a proposal that more than half of the current partners approve.
    function execute(uint256 id) external {
        _callingPartner();
        Proposal storage proposal = _openProposal(id);
        uint256 votes = votesFor(id);
        if (2 * votes <= _partners.length) revert NoMajority(id, votes, _partners.length);
        proposal.executed = true;
        emit Executed(id);
        if (proposal.account == address(0)) {
            _checkLeaver(proposal.partner);
            _expel(proposal.partner);
        } else {
            _checkNewcomer(proposal.name, proposal.account); // another proposal may have come first
            _admit(proposal.name, proposal.account);
        }
    }

    /// @notice Replaces a partner's account, by that account alone. The old one is never used again.
    function rotateAccount(bytes32 partner, address newAccount) external {
        if (accountOf[partner] == address(0)) revert UnknownPartner(partner);
        if (accountOf[partner] != msg.sender) revert NotPartnersAccount(partner, msg.sender);
        _checkNewAccount(newAccount);
        accountOf[partner] = newAccount;
        partnerOf[newAccount] = partner;
        emit AccountRotated(partner, msg.sender, newAccount);
    }

    /// @notice How many current partners approve a proposal with their current accounts.
    function votesFor(uint256 id) public view returns (uint256 votes) {
        for (uint256 i = 0; i < _partners.length; ++i) {
            bytes32 partner = _partners[i];
            if (approvals[id][partner] == accountOf[partner]) ++votes;
        }
    }

    function _propose(bytes32 partner, string memory name, address account) private returns (uint256 id) {
        bytes32 proposer = _callingPartner();
        id = ++proposalCount;
        uint64 expiresAt = uint64(block.timestamp) + PROPOSAL_LIFETIME;
        proposals[id] = Proposal(partner, account, expiresAt, false, name);
        emit Proposed(id, partner, name, account, expiresAt);
        _approve(id, proposer);
    }

    function _approve(uint256 id, bytes32 partner) private {
        if (approvals[id][partner] == msg.sender) revert AlreadyApproved(id, partner);
        approvals[id][partner] = msg.sender;
        emit Approved(id, partner);
    }

    function _admit(string memory name, address account) private {
        bytes32 partner = keccak256(bytes(name));
        accountOf[partner] = account;
        nameOf[partner] = name;
        partnerOf[account] = partner;
        _partners.push(partner);
        emit PartnerAdmitted(partner, name, account);
    }

    function _expel(bytes32 partner) private {
        delete accountOf[partner];
        uint256 last = _partners.length - 1;
        for (uint256 i = 0; i < last; ++i) {
            if (_partners[i] == partner) _partners[i] = _partners[last];
        }
        _partners.pop();
        emit PartnerExpelled(partner);
    }

    function _callingPartner() private view returns (bytes32 partner) {
        partner = partnerOf[msg.sender];
        if (accountOf[partner] != msg.sender) revert NotAPartner(msg.sender);
    }

    function _openProposal(uint256 id) private view returns (Proposal storage proposal) {
        proposal = proposals[id];
        if (proposal.expiresAt == 0) revert UnknownProposal(id);
        if (proposal.executed) revert AlreadyExecuted(id);
        if (block.timestamp > proposal.expiresAt) revert ProposalExpired(id, proposal.expiresAt);
    }

    function _checkNewcomer(string memory name, address account) private view {
        Names.check(name);
        if (bytes(nameOf[keccak256(bytes(name))]).length != 0) revert NameTaken(name);
        _checkNewAccount(account);
    }

    function _checkNewAccount(address account) private view {
        if (account == address(0)) revert ZeroAccount();
        if (partnerOf[account] != 0) revert AccountTaken(account, partnerOf[account]);
    }

    function _checkLeaver(bytes32 partner) private view {
        if (accountOf[partner] == address(0)) revert UnknownPartner(partner);
        if (_partners.length == 1) revert LastPartner(partner);
    }
}
