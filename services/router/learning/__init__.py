"""Learning of the brain: labels, training data and training. Nothing of it runs on the hot path."""
