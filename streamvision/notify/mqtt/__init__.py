"""Tells an MQTT broker of streams and events, and Home Assistant which entities that makes."""
