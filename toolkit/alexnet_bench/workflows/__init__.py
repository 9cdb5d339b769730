"""What composes the stages; one module per command."""
