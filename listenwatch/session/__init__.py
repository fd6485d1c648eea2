"""A session: calls from an engine or a recording, filtered, judged and handed to sinks."""
