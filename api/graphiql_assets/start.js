// Starts GraphiQL on the page it is served with.

const GREETING = `# Sign in first. This prints an assertion:
#   token-ledger assertion --subject ada
# Put it into the variables below:
#   {"assertion": "…"}
# Run Login, and put its access token into
# the headers: {"Authorization": "Bearer …"}
# Then run Me.

mutation Login($assertion: String!) {
  login(
    input: {assertion: $assertion, transport: BODY}
  ) {
    ... on TokenPair {
      accessToken
      refreshToken
      session { id }
    }
    ... on AuthProblem { code message }
  }
}

query Me {
  me {
    id
    sessions {
      edges { node { id status lastUsedAt } }
    }
  }
}
`;

async function fetcher(params, options) {
  const answer = await fetch("/graphql", {
    method: "POST",
    credentials: "same-origin",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/graphql-response+json",
      "X-Token-Ledger": "1",
      ...(options && options.headers),
    },
    body: JSON.stringify(params),
  });
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's page, or nothing: GraphiQL shows where parsing broke, which helps nobody.
    return { errors: [{ message: `The server answered ${answer.status}, and not with JSON.` }] };
  }
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultQuery: GREETING,
    shouldPersistHeaders: false,
    storage: window.sessionStorage, // what is typed here may hold tokens: it goes with the tab
    defaultEditorToolsVisibility: "variables",
  }),
);
