"""What the integration tests are built from: the programs they start, and what they expect."""
