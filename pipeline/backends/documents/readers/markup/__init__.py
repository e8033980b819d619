"""Reading HTML: the tree of a page, what of it is shown, and its blocks, inline texts and tables."""
