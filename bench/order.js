// Turns a shop's order into the document that a warehouse wants: what `bench rules` measures a transformation with.
const KINDS = {
  "order.created": { action: "reserve", urgent: false },
  "order.paid": { action: "pick", urgent: true },
  "order.sent": { action: "close", urgent: false },
  "order.cancelled": { action: "release", urgent: true },
  "order.refunded": { action: "restock", urgent: false },
};

// Two-letter codes of the countries that are served from each warehouse.
const WAREHOUSES = [
  { name: "hamburg", countries: ["DE", "DK", "SE", "NO", "FI", "PL"] },
  { name: "lyon", countries: ["FR", "BE", "LU", "CH", "IT", "ES", "PT"] },
  { name: "leeds", countries: ["GB", "IE"] },
];

const SHELVES = { A: "north", B: "south", C: "east", D: "west" };

function warehouseOf(customer) {
  const found = WAREHOUSES.find((each) => each.countries.includes(customer.country));
  return found ? found.name : "hamburg";
}

function amountOf(amount) {
  if (!amount) {
    return null;
  }
  const currency = (amount.currency || "EUR").toUpperCase();
  const digits = ["JPY", "KRW", "CLP"].includes(currency) ? 0 : 2;
  const major = amount.value / 10 ** digits;
  return { currency, minor: amount.value, text: `${major.toFixed(digits)} ${currency}` };
}

function positionsOf(items) {
  return (items || []).map((item, index) => {
    const [row, number] = String(item.sku).split("-");
    return {
      position: index + 1,
      sku: item.sku,
      shelf: SHELVES[row] || "unknown",
      number: Number.parseInt(number, 10) || 0,
      quantity: Math.max(1, item.quantity || 0),
    };
  });
}

// Addresses are for the warehouse's eyes only as far as it needs them.
function maskedEmail(email) {
  const [name, host] = String(email || "").trim().toLowerCase().split("@");
  if (!host) {
    return null;
  }
  return `${name.slice(0, 2)}${"*".repeat(Math.max(0, name.length - 2))}@${host}`;
}

function dueOn(created, urgent) {
  const date = new Date(created);
  if (Number.isNaN(date.getTime())) {
    return null;
  }
  date.setUTCDate(date.getUTCDate() + (urgent ? 1 : 3));
  return date.toISOString().slice(0, 10);
}

// Pickers read two lines at most; the first sentence that asks for something comes first.
const WISHES = ["leave", "deliver", "ring", "call", "gift", "fragile", "do not bend", "keep cool", "this side up"];

function remarksOf(note) {
  const text = String(note || "").trim();
  const wished = WISHES.filter((wish) => text.toLowerCase().includes(wish));
  const short = text.length > 120 ? `${text.slice(0, 119).trimEnd()}...` : text;
  return { text: short, wishes: wished, cut: short !== text };
}

// A parcel may weigh twenty kilograms; what is heavier goes in several.
function parcelsOf(positions) {
  const grams = { A: 1200, B: 400, C: 8000, D: 150 };
  const weight = positions.reduce((sum, each) => sum + each.quantity * (grams[each.sku[0]] || 500), 0);
  return { weight_g: weight, count: Math.max(1, Math.ceil(weight / 20000)) };
}

function labelsOf(order, kind) {
  const labels = [`action:${kind.action}`, `country:${order.customer.country}`];
  if (kind.urgent) {
    labels.push("urgent");
  }
  if (order.amount && order.amount.value > 10000) {
    labels.push("insured");
  }
  return labels.sort();
}

addHandler("transform", (request, context) => {
  const order = request.body;
  const kind = KINDS[order.type] || { action: "look", urgent: false };
  const positions = positionsOf(order.items);
  request.headers["x-warehouse"] = warehouseOf(order.customer);
  request.headers["x-action"] = kind.action;
  request.body = {
    document: "picking-list",
    version: 2,
    order: { id: order.id, type: order.type, placed_at: order.created, received_at: request.created_at },
    route: context.connection.name,
    warehouse: warehouseOf(order.customer),
    due_on: dueOn(order.created, kind.urgent),
    labels: labelsOf(order, kind),
    amount: amountOf(order.amount),
    customer: { id: order.customer.id, email: maskedEmail(order.customer.email) },
    positions,
    parcels: parcelsOf(positions),
    pieces: positions.reduce((sum, each) => sum + each.quantity, 0),
    remarks: remarksOf(order.note),
    note: order.note,
  };
  return request;
});
