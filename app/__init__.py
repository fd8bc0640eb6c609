"""Alliance measures the therapeutic alliance: forms come in, scores, stages and advice go out."""

__version__ = "0.1.0"
