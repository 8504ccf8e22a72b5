"""A trust file beside a live chain: what one node says of each of its fields.

The answer is a node's word, not evidence: it shows slips and old versions of the file, and a node that lies can agree with a
false file. Nothing is printed here, and no field that could not be asked for is passed over.
"""

from perdure_node.trust_check.comparison import Answer, Comparison, Outcome, overall
from perdure_node.trust_check.run import Predecessor, compare_with_chain

__all__ = ["Answer", "Comparison", "Outcome", "Predecessor", "compare_with_chain", "overall"]
