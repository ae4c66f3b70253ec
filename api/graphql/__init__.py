"""The contract in GraphQL: types, resolvers, and what a request to them may do."""
