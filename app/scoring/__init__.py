"""HOW it is counted: from answers to scores, and every step of the way explained."""
