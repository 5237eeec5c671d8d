// Normalises a provider's payloads into one envelope: what `measure.py` measures.
const PROVIDERS = {
  "invoice.paid": { kind: "payment", severity: "info" },
  "invoice.payment_failed": { kind: "payment", severity: "warning" },
  "customer.created": { kind: "customer", severity: "info" },
  "customer.updated": { kind: "customer", severity: "info" },
  "customer.deleted": { kind: "customer", severity: "notice" },
  "charge.refunded": { kind: "refund", severity: "warning" },
};

function pick(object, names) {
  const picked = {};
  for (const name of names) {
    if (object && object[name] !== undefined) {
      picked[name] = object[name];
    }
  }
  return picked;
}

function amountOf(object) {
  const minor = object.amount_paid ?? object.amount ?? object.total ?? 0;
  const currency = (object.currency || "usd").toUpperCase();
  const zeroDecimal = ["JPY", "KRW", "VND", "CLP"].includes(currency);
  return { currency, value: zeroDecimal ? minor : minor / 100, minor };
}

function addressOf(customer) {
  if (!customer || !customer.address) {
    return null;
  }
  const { line1, line2, city, postal_code, country } = customer.address;
  return [line1, line2, `${postal_code || ""} ${city || ""}`.trim(), country].filter(Boolean).join(", ");
}

function flatten(value, prefix, out) {
  for (const [name, each] of Object.entries(value)) {
    const path = prefix ? `${prefix}.${name}` : name;
    if (each && typeof each === "object" && !Array.isArray(each)) {
      flatten(each, path, out);
    } else {
      out[path] = each;
    }
  }
  return out;
}

function linesOf(object) {
  const lines = (object.lines && object.lines.data) || [];
  return lines.map((line, index) => ({
    position: index + 1,
    description: line.description || "(no description)",
    quantity: line.quantity || 1,
    amount: amountOf(line),
    period: line.period ? { from: new Date(line.period.start * 1000).toISOString(), to: new Date(line.period.end * 1000).toISOString() } : null,
  }));
}

function tagsOf(request, known) {
  const tags = ["provider:stripe", `kind:${known.kind}`];
  if (request.headers["x-environment"]) {
    tags.push(`environment:${request.headers["x-environment"].toLowerCase()}`);
  }
  if (request.parsed_query.tenant) {
    tags.push(`tenant:${request.parsed_query.tenant}`);
  }
  return tags.sort();
}

// Kept apart so that the mapping of statuses can be read at a glance.
const STATUSES = {
  paid: "settled",
  open: "pending",
  void: "cancelled",
  uncollectible: "lost",
  draft: "pending",
};

function statusOf(object, known) {
  const status = STATUSES[object.status];
  if (status === undefined) {
    return known.severity === "info" ? "unknown" : "attention";
  }
  return status;
}

addHandler("transform", (request, context) => {
  const event = request.body;
  const known = PROVIDERS[event.type] || { kind: "other", severity: "info" };
  const object = (event.data && event.data.object) || event;
  const metadata = flatten(object.metadata || {}, "", {});

  if (known.severity === "warning") {
    console.warn("attention needed", event.id, event.type);
  }

  request.headers["x-event-kind"] = known.kind;
  request.headers["x-event-severity"] = known.severity;
  request.headers["x-api-version"] = process.env.API_VERSION || "1";
  request.body = {
    provider: "stripe",
    event_id: event.id,
    event_type: event.type,
    received_at: request.created_at,
    connection: context.connection.name,
    severity: known.severity,
    status: statusOf(object, known),
    tags: tagsOf(request, known),
    object: {
      ...pick(object, ["id", "object", "status", "livemode", "customer"]),
      amount: amountOf(object),
      address: addressOf(object.customer_details),
      lines: linesOf(object),
      metadata,
      email: object.customer_email ? object.customer_email.trim().toLowerCase() : null,
    },
    links: {
      dashboard: `https://dashboard.example.com/events/${encodeURIComponent(event.id)}`,
      self: request.path,
    },
  };
  return request;
});
