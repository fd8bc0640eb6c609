"""Keys of data: whether everything sealed opens, and how keys are changed while the service writes."""
