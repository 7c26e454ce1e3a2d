from .database import PostgresDatabase as PostgresDatabase
