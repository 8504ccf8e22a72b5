"""Following everybody's anchors: what the registry says, stored as far as the validators' seals vouch for its blocks.

`following_chain` has the `Follower`, whose steps a node's worker takes one after the other; `reading` is what pages and the HTTP API ask
for, `parts` what evidence of an anchor is made of.
"""
