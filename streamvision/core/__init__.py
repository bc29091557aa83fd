"""What everybody speaks: picture, frame, detections, results, errors, configuration, telemetry."""
