"""What `perdure report` makes of the verifier's outcomes, a PDF for people who have no computer at hand; and how it is read again.

Nothing here judges evidence. What a page says is made as plain text (`blocks`), and only `markup` makes reportlab's markup of it,
so that no text of others is ever taken for any. reportlab and pypdf are imported where they are used.
"""
