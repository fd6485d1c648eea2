"""What servers' configurations say of their listeners: the backlog each is going to ask for, before it runs."""
