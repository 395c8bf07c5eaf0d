"""Who may come in and do what: tokens, logins, roles, settings of a tenant."""
