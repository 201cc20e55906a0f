/** What one request cost, which may be a small part of a cent. */
export const EXACT_DOLLARS = { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol", maximumFractionDigits: 6 } as const;
