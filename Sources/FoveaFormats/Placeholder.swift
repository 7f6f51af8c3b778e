// Placeholder until the target has its files.
