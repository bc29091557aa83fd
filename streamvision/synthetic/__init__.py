"""Pictures that are drawn, with exact truth: boxes for tests, and a drive with road signs."""
