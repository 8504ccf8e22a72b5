"""The running node: one process that relays, follows, mirrors and answers, on a gateway's folder."""
