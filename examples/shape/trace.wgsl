// The app's own shader: it looks for a surface along each pixel's rays, and lights it. What comes before it has
//     fn distance_at(point: vec3<f32>) -> f32
// of a point in the unit cube: the distance from the surface, negative inside. A network answers, or a formula.

// The width of a pixel in half sides of the picture, and the height of the ground.
override pixel: f32;
override floor_height: f32;

// Where the eye is and what it looks at; half the picture's side over its distance.
const EYE = vec3<f32>(1.55, 1.42, 2.25);
const TARGET = vec3<f32>(0.5, 0.45, 0.5);
const OPENING = 0.25;

// All surfaces lie between, on each axis.
const LOW = 0.09;
const HIGH = 0.91;

// A ray goes on by the distance from the surface, since nothing is nearer. A network may answer too much: a little less is safe.
const STEPS = 112;
const STEP = 0.95;
// What counts as the surface.
const NEAR = 0.0006;

// The way to the light. Half shadows are as wide as this part of the way from what casts them.
const LIGHT = normalize(vec3<f32>(-0.35, 1.0, 0.45));
const SHADOW_STEPS = 28;
const SHADOW_STEP = vec2<f32>(0.01, 0.15); // the shortest and the longest
const LIFT = 0.008; // where they begin, so that a surface casts none on itself
const HALF_SHADOW = 0.09;

// The sky's light is asked for at four places this far apart above the surface, and taken away by what is near them.
const SKY_PLACES = 4;
const SKY_STEP = 0.035;
const HIDING = 4.0;

// Normals are slopes over this width: a few times what the network resolves.
const NORMAL_PLACES = 4;
const SLOPE = 0.005;

// Neighbouring pixels as different as this are at an edge.
const EDGE = 0.08;

const SKY = vec3<f32>(0.62, 0.74, 0.90);
const SUN = vec3<f32>(1.0, 0.93, 0.80) * 1.75;
const CLAY = vec3<f32>(0.70, 0.25, 0.10);
const GROUND = vec3<f32>(0.55, 0.56, 0.58);
const HORIZON = vec3<f32>(0.80, 0.86, 0.93);

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) place: vec2<f32>,
}

/// A triangle over the whole picture.
@vertex
fn corner(@builtin(vertex_index) index: u32) -> Corner {
    let place = vec2<f32>(vec2<u32>(index & 1u, index >> 1u)) * 4.0 - 1.0;
    return Corner(vec4<f32>(place, 0.0, 1.0), place);
}

/// Whether the distance is known there.
fn is_known(point: vec3<f32>) -> bool {
    return all(point == saturate(point));
}

/// Where a ray enters the box around all surfaces and leaves it; past it if the first is larger.
fn through_box(start: vec3<f32>, way: vec3<f32>) -> vec2<f32> {
    let a = (LOW - start) / way;
    let b = (HIGH - start) / way;
    let enter = min(a, b);
    let leave = max(a, b);
    return vec2<f32>(max(max(enter.x, enter.y), max(enter.z, 0.0)), min(leave.x, min(leave.y, leave.z)));
}

// What a ray is followed for, one after the other.
const TRACE = 0;
const NORMAL = 1;
const SKY_LIGHT = 2;
const SUN_LIGHT = 3;

struct Seen {
    /// Whether the ray meets the surface, or the ground.
    is_surface: bool,
    is_ground: bool,
    point: vec3<f32>,
    normal: vec3<f32>,
    /// The parts of the sky's light and of the sun's that arrive.
    sky: f32,
    sun: f32,
}

/// Follows a ray from the eye. All that is asked of the distance is asked in one place: a driver writes the whole network out
/// wherever it is called, and takes minutes for many such places.
fn follow(way: vec3<f32>) -> Seen {
    var seen = Seen(false, false, vec3<f32>(), vec3<f32>(), 1.0, 1.0);
    var span = through_box(EYE, way);
    var along = span.x;
    var task = TRACE;
    var count = 0;
    for (var i = 0; i < STEPS + NORMAL_PLACES + SKY_PLACES + SHADOW_STEPS; i++) {
        // Is the task done?
        if task == TRACE && (along >= span.y || count == STEPS) {
            // Past the surface there is the ground, or nothing.
            let down = (floor_height - EYE.y) / way.y;
            if down <= 0.0 {
                break;
            }
            seen.is_ground = true;
            seen.point = EYE + down * way;
            seen.normal = vec3<f32>(0.0, 1.0, 0.0);
            task = SKY_LIGHT;
            // Far from the surface nothing hides the sky.
            count = select(SKY_PLACES, 0, is_known(seen.point));
        }
        if task == NORMAL && count == NORMAL_PLACES {
            seen.normal = normalize(seen.normal);
            task = SKY_LIGHT;
            count = 0;
        }
        if task == SKY_LIGHT && count == SKY_PLACES {
            span = through_box(seen.point, LIGHT);
            along = max(span.x, LIFT);
            task = SUN_LIGHT;
            count = 0;
        }
        if task == SUN_LIGHT && (along >= span.y || seen.sun < -1.0 || count == SHADOW_STEPS) {
            break;
        }

        // Which place does it ask for?
        let sign = vec2<f32>(vec2<i32>(count & 1, count >> 1u)) * 2.0 - 1.0;
        let corner = vec3<f32>(sign, sign.x * sign.y); // of a tetrahedron
        let away = SKY_STEP * f32(count + 1);
        var place = EYE + along * way;
        switch task {
            case NORMAL: { place = seen.point + SLOPE * corner; }
            case SKY_LIGHT: { place = seen.point + away * seen.normal; }
            case SUN_LIGHT: { place = seen.point + along * LIGHT; }
            default: {}
        }
        let distance = distance_at(place);

        // What does the answer say?
        count++;
        switch task {
            case NORMAL: { seen.normal += corner * distance; }
            case SKY_LIGHT: {
                // The surface is nearer than it would be if nothing were in the way.
                let hidden = HIDING * max(away - distance, 0.0) / f32(count);
                seen.sky -= select(0.0, hidden, is_known(place));
            }
            case SUN_LIGHT: {
                // From -1, all in shadow, to 1.
                seen.sun = min(seen.sun, distance / (HALF_SHADOW * along));
                along += clamp(abs(distance), SHADOW_STEP.x, SHADOW_STEP.y);
            }
            default: {
                if distance < NEAR {
                    seen.is_surface = true;
                    seen.point = place;
                    task = NORMAL;
                    count = 0;
                }
                along += STEP * distance;
            }
        }
    }
    seen.sky = saturate(seen.sky);
    seen.sun = smoothstep(-1.0, 1.0, seen.sun);
    return seen;
}

/// The light that a ray brings to the eye.
fn light_of(way: vec3<f32>) -> vec3<f32> {
    let seen = follow(way);
    let normal = seen.normal;
    let sun = SUN * seen.sun * saturate(dot(normal, LIGHT));
    if seen.is_surface {
        let sky = SKY * seen.sky * mix(0.35, 1.0, 0.5 + 0.5 * normal.y);
        let bounce = 0.25 * GROUND * saturate(-normal.y);
        let gloss = 0.35 * pow(saturate(dot(normal, normalize(LIGHT - way))), 60.0);
        let rim = 0.25 * pow(1.0 - saturate(-dot(normal, way)), 4.0);
        return CLAY * (sun + 0.75 * sky + bounce) + gloss * sun + rim * sky;
    }
    // The ground fades away into the horizon.
    let ground = GROUND * (0.62 * sun + 0.42 * SKY * seen.sky);
    let fade = smoothstep(0.45, 1.5, length(seen.point.xz - 0.5));
    return mix(HORIZON, ground, select(0.0, 1.0 - fade, seen.is_ground));
}

/// From light to what a file holds (sRGB).
fn encoded(light: vec3<f32>) -> vec3<f32> {
    let bright = saturate(light);
    return select(1.055 * pow(bright, vec3<f32>(1.0 / 2.4)) - 0.055, 12.92 * bright, bright <= vec3<f32>(0.0031308));
}

/// A pixel: one ray through its middle, and four more at edges.
@fragment
fn fragment(corner: Corner) -> @location(0) vec4<f32> {
    let ahead = normalize(TARGET - EYE);
    let right = normalize(cross(ahead, vec3<f32>(0.0, 1.0, 0.0)));
    let up = cross(right, ahead);
    var light = vec3<f32>();
    var rays = 1;
    for (var i = 0; i < 5; i++) {
        if i < rays {
            let shift = select(vec2<f32>(vec2<i32>(i & 1, (i >> 1u) & 1)) * 0.5 - 0.25, vec2<f32>(), i == 0);
            let place = OPENING * (corner.place + pixel * shift);
            light += saturate(light_of(normalize(ahead + place.x * right + place.y * up)));
        }
        if i == 0 {
            rays = select(1, 5, length(fwidth(light)) > EDGE);
        }
    }
    return vec4<f32>(encoded(light / f32(rays)), 1.0);
}
