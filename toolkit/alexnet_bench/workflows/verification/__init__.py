"""`verify`: an engine against its model."""
