"""What bindings/generate is made of."""
