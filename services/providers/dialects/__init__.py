"""Wire formats: one module each, all with the interface of `contract`."""
