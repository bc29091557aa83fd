"""Models on servers that speak the Open Inference Protocol (KServe's v2), such as Triton and MLServer."""
