"""Live video in the browser, measured from the camera to the screen."""
