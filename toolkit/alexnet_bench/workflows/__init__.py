"""What composes the stages; one module or package per command."""
