/* SPDX-License-Identifier: MIT */
pragma solidity ^0.8.24;

/*
 * identity.sol - a stand-in for the identity registry of ERC-8004 (contracts "2.0.0") on the lab's chain: the same
 * selectors, events and their order, reverts and meanings, written from the specification. It has no proxy and no
 * upgrade, does not ask a contract whether it takes a token, and takes a wallet's proof by key only, not by ERC-1271.
 *
 * No constructor and no immutables: its code is put at the registry's address as it is.
 */
contract Identity {
	struct MetadataEntry {
		string metadataKey;
		bytes metadataValue;
	}

	event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);
	event Approval(address indexed owner, address indexed approved, uint256 indexed tokenId);
	event ApprovalForAll(address indexed owner, address indexed operator, bool approved);
	event MetadataUpdate(uint256 _tokenId);
	event Registered(uint256 indexed agentId, string agentURI, address indexed owner);
	event URIUpdated(uint256 indexed agentId, string newURI, address indexed updatedBy);
	event MetadataSet(uint256 indexed agentId, string indexed indexedMetadataKey, string metadataKey,
			  bytes metadataValue);

	error ERC721NonexistentToken(uint256 tokenId);
	error ERC721InvalidOwner(address owner);
	error ERC721InvalidReceiver(address receiver);
	error ERC721IncorrectOwner(address sender, uint256 tokenId, address owner);
	error ERC721InsufficientApproval(address operator, uint256 tokenId);

	string public constant name = "AgentIdentity";
	string public constant symbol = "AGENT";
	string private constant WALLET = "agentWallet";
	uint256 private constant DEADLINE_MAX = 5 minutes;
	bytes32 private constant DOMAIN_TYPE =
		keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
	bytes32 private constant WALLET_TYPE =
		keccak256("AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)");

	uint256 private next;
	mapping(uint256 => address) private owners;
	mapping(address => uint256) private balances;
	mapping(uint256 => address) private approved;
	mapping(address => mapping(address => bool)) private operators;
	mapping(uint256 => string) private uris;
	mapping(uint256 => mapping(string => bytes)) private metadata;

	/* ---- registering --------------------------------------------------------------------------- */

	function register() external returns (uint256 id) {
		id = mint();
		announce(id, "");
	}

	function register(string memory agentURI) external returns (uint256 id) {
		id = mint();
		setURI(id, agentURI);
		announce(id, agentURI);
	}

	function register(string memory agentURI, MetadataEntry[] memory entries) external returns (uint256 id) {
		id = mint();
		setURI(id, agentURI);
		announce(id, agentURI);
		for (uint256 i = 0; i < entries.length; i++) {
			refuseReserved(entries[i].metadataKey);
			put(id, entries[i].metadataKey, entries[i].metadataValue);
		}
	}

	function mint() private returns (uint256 id) {
		id = next++;
		metadata[id][WALLET] = abi.encodePacked(msg.sender);
		balances[msg.sender]++;
		owners[id] = msg.sender;
		emit Transfer(address(0), msg.sender, id);
	}

	function announce(uint256 id, string memory agentURI) private {
		emit Registered(id, agentURI, msg.sender);
		emit MetadataSet(id, WALLET, WALLET, abi.encodePacked(msg.sender));
	}

	function setURI(uint256 id, string memory agentURI) private {
		uris[id] = agentURI;
		emit MetadataUpdate(id);
	}

	function put(uint256 id, string memory key, bytes memory value) private {
		metadata[id][key] = value;
		emit MetadataSet(id, key, key, value);
	}

	function refuseReserved(string memory key) private pure {
		require(keccak256(bytes(key)) != keccak256(bytes(WALLET)), "reserved key");
	}

	/* ---- changing ------------------------------------------------------------------------------ */

	function ownerOf(uint256 id) public view returns (address owner) {
		owner = owners[id];
		if (owner == address(0))
			revert ERC721NonexistentToken(id);
	}

	function isAuthorizedOrOwner(address who, uint256 id) public view returns (bool) {
		address owner = ownerOf(id);

		return who == owner || operators[owner][who] || approved[id] == who;
	}

	modifier authorized(uint256 id) {
		require(isAuthorizedOrOwner(msg.sender, id), "Not authorized");
		_;
	}

	function setAgentURI(uint256 id, string calldata newURI) external authorized(id) {
		setURI(id, newURI);
		emit URIUpdated(id, newURI, msg.sender);
	}

	function setMetadata(uint256 id, string memory key, bytes memory value) external authorized(id) {
		refuseReserved(key);
		put(id, key, value);
	}

	function setAgentWallet(uint256 id, address newWallet, uint256 deadline, bytes calldata signature)
		external authorized(id)
	{
		require(newWallet != address(0), "bad wallet");
		require(block.timestamp <= deadline, "expired");
		require(deadline <= block.timestamp + DEADLINE_MAX, "deadline too far");
		require(signature.length == 65, "invalid wallet sig");
		bytes32 domain = keccak256(abi.encode(DOMAIN_TYPE, keccak256("ERC8004IdentityRegistry"), keccak256("1"),
						      block.chainid, address(this)));
		bytes32 content = keccak256(abi.encode(WALLET_TYPE, id, newWallet, ownerOf(id), deadline));
		bytes32 digest = keccak256(abi.encodePacked("\x19\x01", domain, content));
		require(ecrecover(digest, uint8(signature[64]), bytes32(signature[0:32]), bytes32(signature[32:64]))
			== newWallet, "invalid wallet sig");
		put(id, WALLET, abi.encodePacked(newWallet));
	}

	function unsetAgentWallet(uint256 id) external authorized(id) {
		put(id, WALLET, "");
	}

	/* ---- reading ------------------------------------------------------------------------------- */

	function tokenURI(uint256 id) external view returns (string memory) {
		ownerOf(id);
		return uris[id];
	}

	function getMetadata(uint256 id, string memory key) external view returns (bytes memory) {
		return metadata[id][key];
	}

	function getAgentWallet(uint256 id) external view returns (address) {
		return address(bytes20(metadata[id][WALLET]));
	}

	function getVersion() external pure returns (string memory) {
		return "2.0.0";
	}

	/* ---- as a token ---------------------------------------------------------------------------- */

	function balanceOf(address owner) external view returns (uint256) {
		if (owner == address(0))
			revert ERC721InvalidOwner(owner);
		return balances[owner];
	}

	function getApproved(uint256 id) external view returns (address) {
		ownerOf(id);
		return approved[id];
	}

	function isApprovedForAll(address owner, address operator) external view returns (bool) {
		return operators[owner][operator];
	}

	function supportsInterface(bytes4 id) external pure returns (bool) {
		/* ERC-165, ERC-721, its metadata, ERC-4906 */
		return id == 0x01ffc9a7 || id == 0x80ac58cd || id == 0x5b5e139f || id == 0x49064906;
	}

	function approve(address to, uint256 id) external {
		address owner = ownerOf(id);

		require(msg.sender == owner || operators[owner][msg.sender], "Not authorized");
		approved[id] = to;
		emit Approval(owner, to, id);
	}

	function setApprovalForAll(address operator, bool yes) external {
		operators[msg.sender][operator] = yes;
		emit ApprovalForAll(msg.sender, operator, yes);
	}

	/* The wallet was the old owner's: it does not go with the agent. */
	function transferFrom(address from, address to, uint256 id) external {
		address owner = ownerOf(id);

		if (to == address(0))
			revert ERC721InvalidReceiver(to);
		if (!isAuthorizedOrOwner(msg.sender, id))
			revert ERC721InsufficientApproval(msg.sender, id);
		if (owner != from)
			revert ERC721IncorrectOwner(from, id, owner);
		put(id, WALLET, "");
		delete approved[id];
		balances[from]--;
		balances[to]++;
		owners[id] = to;
		emit Transfer(from, to, id);
	}
}
