"""HTTP: thin views by audience. Each blueprint is made with its guard."""
