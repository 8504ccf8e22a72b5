"""What is wrong with a node, found without changing anything: `perdure node check-config` and `perdure node doctor`.

configuration   node.toml by itself, and the files that it names
folder          the folder's permissions, trust file, database, keys
chain           each endpoint, and what they say beside each other; the relay's account
surroundings    the process that serves the folder, peers
examining       all of them in turn
"""
