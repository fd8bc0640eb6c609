"""Who looked at what: entries of every access, the chain they are linked to, and its proof."""
