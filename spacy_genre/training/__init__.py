"""Training: pairs of input and name, the trainer, and the training loops."""
