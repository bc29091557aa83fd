"""User code in the pipeline: ``@streamvision.stage`` and what a stage is given and may return."""
