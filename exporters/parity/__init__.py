"""The parity gate: executes a source and its export on the same pictures and compares them stage by stage."""
