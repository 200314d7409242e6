"""One file per group of pages: read, decide nothing, show; or decode, call forum, send on."""
