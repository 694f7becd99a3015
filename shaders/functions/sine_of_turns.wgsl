// sine_of_turns   sin(2π t), or with `is_cosine` cos(2π t): abs 1.2e-7 for every t
//
// No kernel of its own: included before the formulas that call it. The remainder of whole turns and the reflections are exact, so
// that only angles of up to an eighth of a turn are left for the polynomials.

fn sine_of_turns(t: f32, is_cosine: bool) -> f32 {
    let r = t - round(t);
    let within_half = abs(r);
    let within_quarter = min(within_half, 0.5 - within_half);
    let is_reflected = within_quarter > 0.125;
    let u = select(within_quarter, 0.25 - within_quarter, is_reflected);
    let s = u * u;
    let sine = u * (6.2831855 + s * (-41.341663 + s * (81.592545 - 75.40184 * s)));
    let cosine = 1.0 + s * (-19.739208 + s * (64.93937 + s * (-85.44883 + 59.424484 * s)));
    let value = select(sine, cosine, is_reflected != is_cosine);
    let is_below = r < 0.0;
    return select(value, -value, select(is_below, within_half > 0.25, is_cosine));
}
