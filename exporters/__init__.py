"""The offline half: trained weights into artefacts for servers, phones and browsers, each proven against its source."""
