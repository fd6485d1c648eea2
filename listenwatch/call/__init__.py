"""One listen() call as it was observed: the record, its JSON form and recordings of many."""
