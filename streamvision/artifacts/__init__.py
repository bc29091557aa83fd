"""Models as signed artefacts: written to a store, pulled from there, checked before anything opens them."""
