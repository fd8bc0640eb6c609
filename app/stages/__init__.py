"""WHERE they are: the likely stage of the relationship, its criteria, and the advice that follows."""
